/* records.h - a file of records, as TensorFlow has them: the length, its checksum, the bytes, their checksum. A record that is not whole can be told from
 * one that is. */
#ifndef TG_RECORDS_H
#define TG_RECORDS_H

#include "io/input_file.h"

enum { TG_RECORD_HEAD = 12, TG_RECORD_FRAME = 16 /* bytes beside its own */ };

/* CRC-32C (Castagnoli), from the value of the bytes before, at first 0. */
uint32_t tg_crc32c(uint32_t sum, const void *bytes, size_t n);

/* The frame of n bytes: what stands before them, and behind them. */
void tg_record_frame(const void *bytes, size_t n, unsigned char head[TG_RECORD_HEAD], unsigned char tail[4]);

/* Calls visit for each whole record of a file, in their order. *end gets where the last of them ends, behind which there may be one that was not written
 * whole; TG_ERR_FORMAT, after a sentence, for what can't be one. visit may be NULL. */
typedef tg_status (*tg_record_fn)(void *ctx, const char *bytes, size_t n);
tg_status tg_records_read(const tg_input_file *f, tg_record_fn visit, void *ctx, int64_t *end);

#endif
