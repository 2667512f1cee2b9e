/* safetensors.h - the format: 8 bytes little-endian header length, the header as JSON, padded with spaces, the tensors'
 * bytes.
 *
 *     {"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}, …, "__metadata__":{"any":"text"}}
 *
 * Offsets count from the end of the header; together the tensors cover all bytes behind it once. Numbers are
 * little-endian. */
#ifndef TG_SAFETENSORS_H
#define TG_SAFETENSORS_H

#include <tapegrad/base.h>

enum { TG_ST_HEADER_MAX = 100000000 }; /* bytes: the limit of the format's own library */

/* The dtypes' names in the header. */
static const char *const tg_st_dtypes[TG_NDTYPES] = {"F32", "F64", "I64", "I32", "U8", "BOOL", "I16"};

#endif
