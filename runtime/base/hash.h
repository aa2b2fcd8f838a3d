/*
 * hash.h: the checksums and hashes that several rooms share.
 *
 * slu_crc32c      CRC-32C (Castagnoli), as Fluss batches and our own files carry it; `crc` 0 starts, the result continues.
 * slu_hash64      XXH64 with seed 0: the key hash of the engine takes its low 32 bits.
 * slu_murmur3_32  MurmurHash3 x86 32-bit (Appleby), as Iceberg's bucket transform uses it (seed 0).
 */
#ifndef SLU_BASE_HASH_H
#define SLU_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint32_t slu_crc32c(uint32_t crc, const void *data, size_t bytes);
uint64_t slu_hash64(const void *data, size_t bytes);
uint32_t slu_murmur3_32(const void *data, size_t bytes, uint32_t seed);

#endif
