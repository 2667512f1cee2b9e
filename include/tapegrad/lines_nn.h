/* lines_nn.h - with TG_LINES defined the names of functions of modules that give tensors are macros, which note the line of each call for anomaly mode
 * (anomaly.h). The last part of tapegrad_nn.h, written by `make lines`. */
#ifndef TAPEGRAD_LINES_NN_H
#define TAPEGRAD_LINES_NN_H

#include <tapegrad_nn.h> /* the functions are declared before they are macros */

#ifdef TG_LINES
#define tg_nn_linear_of(...) tg_recorded_at(tg_nn_linear_of(__VA_ARGS__), __FILE__, __LINE__)
#define tg_nn_embedding_of(...) tg_recorded_at(tg_nn_embedding_of(__VA_ARGS__), __FILE__, __LINE__)
#define tg_nn_conv_of(...) tg_recorded_at(tg_nn_conv_of(__VA_ARGS__), __FILE__, __LINE__)
#define tg_nn_layer_norm_of(...) tg_recorded_at(tg_nn_layer_norm_of(__VA_ARGS__), __FILE__, __LINE__)
#define tg_nn_group_norm_of(...) tg_recorded_at(tg_nn_group_norm_of(__VA_ARGS__), __FILE__, __LINE__)
#define tg_nn_batch_norm_of(...) tg_recorded_at(tg_nn_batch_norm_of(__VA_ARGS__), __FILE__, __LINE__)
#define tg_nn_attention_of(...) tg_recorded_at(tg_nn_attention_of(__VA_ARGS__), __FILE__, __LINE__)
#define tg_nn_block_of(...) tg_recorded_at(tg_nn_block_of(__VA_ARGS__), __FILE__, __LINE__)
#define tg_nn_recurrent_of(...) tg_recorded_at(tg_nn_recurrent_of(__VA_ARGS__), __FILE__, __LINE__)
#endif

#endif
