/* dlpack_struct.h - DLPack's structs, as its interface between binaries has them (version 0.x, unchanged since 0.2). */
#ifndef TG_DLPACK_STRUCT_H
#define TG_DLPACK_STRUCT_H

#include <stdint.h>

enum { DL_CPU = 1 };                                        /* device_type */
enum { DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BOOL = 6 }; /* code of a data type */

typedef struct DLDevice {
    int32_t device_type;
    int32_t device_id;
} DLDevice;

typedef struct DLDataType {
    uint8_t  code, bits;
    uint16_t lanes;
} DLDataType;

typedef struct DLTensor {
    void      *data;
    DLDevice   device;
    int32_t    ndim;
    DLDataType dtype;
    int64_t   *shape;
    int64_t   *strides; /* in elements; NULL: row-major */
    uint64_t   byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void    *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self); /* may be NULL */
} DLManagedTensor;

#endif
