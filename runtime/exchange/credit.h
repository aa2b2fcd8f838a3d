/*
 * credit.h: how many bytes a sender may have under way, as two cumulative counters. A lost or repeated credit message does no harm:
 * the receiver tells the total it has consumed since the attempt began, again and again.
 *
 * Rule     send when sent - consumed + item <= window, or when nothing is outstanding (an item larger than the window goes alone).
 *          Events weigh nothing and always go.
 * Errors   CORRUPT: a total that is larger than what was sent.
 */
#ifndef SLU_EXCHANGE_CREDIT_H
#define SLU_EXCHANGE_CREDIT_H

#include <sluice/status.h>

#include <stdbool.h>

#define SLU_CREDIT_WINDOW_DEFAULT ((int64_t)4 << 20) /* bytes: about three full batches under way */

typedef struct slu_credit {
    int64_t window_bytes;
    int64_t sent_bytes;
    int64_t consumed_bytes;
} slu_credit;

static inline void
slu_credit_init(slu_credit *credit, int64_t window_bytes)
{
    const slu_credit fresh = {window_bytes == 0 ? SLU_CREDIT_WINDOW_DEFAULT : window_bytes, 0, 0};
    *credit = fresh;
}

static inline bool
slu_credit_allows(const slu_credit *credit, int64_t bytes)
{
    const int64_t outstanding = credit->sent_bytes - credit->consumed_bytes;
    return bytes == 0 || outstanding == 0 || outstanding + bytes <= credit->window_bytes;
}

static inline void
slu_credit_send(slu_credit *credit, int64_t bytes)
{
    credit->sent_bytes += bytes;
}

/* The receiver's cumulative total. An older one is ignored. */
SLU_CHECK static inline slu_status
slu_credit_consumed(slu_credit *credit, int64_t total_bytes, slu_error *err)
{
    if (total_bytes > credit->sent_bytes)
        return slu_error_set(err, SLU_CORRUPT, "credit for %lld bytes, of which only %lld were sent", (long long)total_bytes,
                             (long long)credit->sent_bytes);
    if (total_bytes > credit->consumed_bytes)
        credit->consumed_bytes = total_bytes;
    return SLU_OK;
}

#endif
