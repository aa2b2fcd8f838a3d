/*
 * account.h: how many bytes something holds, against a bound. Threads: any.
 */
#ifndef SLU_BASE_ACCOUNT_H
#define SLU_BASE_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slu_account {
    _Atomic int64_t used_bytes;
    int64_t max_bytes;   /* 0: no bound */
    atomic_bool refused; /* it had no room once */
} slu_account;

/* Whether there is room; then it is taken. A NULL account has room for everything. */
static inline bool
slu_account_take(slu_account *account, int64_t bytes)
{
    if (account == NULL)
        return true;
    const int64_t before = atomic_fetch_add_explicit(&account->used_bytes, bytes, memory_order_relaxed);
    if (account->max_bytes == 0 || before + bytes <= account->max_bytes)
        return true;
    atomic_fetch_sub_explicit(&account->used_bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&account->refused, true, memory_order_relaxed);
    return false;
}

static inline void
slu_account_give(slu_account *account, int64_t bytes)
{
    if (account != NULL)
        atomic_fetch_sub_explicit(&account->used_bytes, bytes, memory_order_relaxed);
}

static inline int64_t
slu_account_used(const slu_account *account)
{
    return atomic_load_explicit(&account->used_bytes, memory_order_relaxed);
}

#endif
