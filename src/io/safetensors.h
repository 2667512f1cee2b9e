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

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers go to files as they are in memory");

enum { TG_ST_HEADER_MAX = 100000000 }; /* bytes: the limit of the format's own library */

enum { TG_ST_STRING_MAX = 4 << 20 };   /* bytes of a string with its quotes, as it stands in the header; __metadata__ may hold long ones */

/* The dtypes' names in the header. */
static const char *const tg_st_dtypes[TG_NDTYPES] = {"F32", "F64", "I64", "I32", "U8", "BOOL", "I16"};

#endif
