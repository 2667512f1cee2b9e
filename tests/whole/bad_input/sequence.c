/* sequence.c - rows of attention, positions, recurrent networks and CTC. */
#include "bad_input.h"

#define ATTENTION(STATUS, SAYS, ...) OPTION(STATUS, SAYS, tg_attention_options, __VA_ARGS__)

static void attention(void)
{
    CALL(tg_scaled_dot_product_attention, TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(2, 8), MISFITS(TG_SHAPE(2, 4))),
         TENSOR(FLOAT, TG_SHAPE(4, 3), RANKS(2, 8), MISFITS(TG_SHAPE(4, 2), TG_SHAPE(5, 3))),
         TENSOR(FLOAT, TG_SHAPE(4, 3), RANKS(2, 8), MISFITS(TG_SHAPE(3, 3))),
         OPTIONS(ATTENTION(SHAPE, NULL, .mask = ones(TG_BOOL, TG_SHAPE(3, 3))), ATTENTION(DTYPE, "int64", .mask = ones(TG_I64, TG_SHAPE(2, 4))),
                 ATTENTION(DTYPE, "float64", .mask = ones(TG_F64, TG_SHAPE(2, 4))), ATTENTION(ARG, "dropout", .dropout = -0.5),
                 ATTENTION(ARG, "dropout", .dropout = 1.5), ATTENTION(ARG, "dropout", .dropout = NAN), ATTENTION(ARG, "scale", .scale = NAN),
                 ATTENTION(ARG, "scale", .scale = INFINITY)));
    CALL(tg_rope, TENSOR(FLOAT, TG_SHAPE(2, 4), RANKS(2, 8), MISFITS(TG_SHAPE(2, 3))),
         OPTIONS(OPTION(ARG, "base", tg_rope_options, .base = -1), OPTION(ARG, "base", tg_rope_options, .base = NAN),
                 OPTION(ARG, "base", tg_rope_options, .base = INFINITY)));
    CALL(tg_sinusoidal, TAPE, N(3, BAD(SHAPE, -1, INT64_MIN, INT64_MAX)), N(4, BAD(SHAPE, -2, INT64_MIN), ALSO(ARG, 3)));
    CALL(tg_alibi, TAPE, N(2, BAD(SHAPE, -1, INT64_MIN)), N(3, BAD(SHAPE, -1, INT64_MIN, INT64_MAX)), N(3, BAD(SHAPE, -1, INT64_MIN, INT64_MAX)));
}

#define CELL(STATUS, SAYS, ...) OPTION(STATUS, SAYS, tg_rnn_weights, __VA_ARGS__)
#define F(...)                  ones(TG_F32, TG_SHAPE(__VA_ARGS__))
/* Weights for 3 features and 4 states of a network with so many gates. */
#define RIGHT(G) .input = F(4 * G, 3), .hidden = F(4 * G, 4)
#define WEIGHTS(G)                                                                                                                                             \
    POINTS((&(const tg_rnn_weights){RIGHT(G), F(4 * G), F(4 * G)}), WRONG(NULL, NULL, NULL),                                                                   \
           CELL(SHAPE, NULL, .input = F(4 * G + 1, 3), .hidden = F(4 * G, 4)), CELL(SHAPE, NULL, .input = F(4 * G, 2), .hidden = F(4 * G, 4)),                 \
           CELL(SHAPE, NULL, .input = F(4 * G, 3), .hidden = F(4 * G, 3)), CELL(SHAPE, NULL, .input = F(3), .hidden = F(4 * G, 4)),                            \
           CELL(SHAPE, NULL, RIGHT(G), .input_bias = F(3)), CELL(SHAPE, NULL, RIGHT(G), .hidden_bias = F(4 * G, 1)),                                           \
           CELL(DTYPE, "float64", .input = ones(TG_F64, TG_SHAPE(4 * G, 3)), .hidden = F(4 * G, 4)),                                                           \
           CELL(DTYPE, "int64", RIGHT(G), .hidden_bias = ones(TG_I64, TG_SHAPE(4 * G))))
#define STEP  TENSOR(FLOAT, TG_SHAPE(2, 3), RANKS(2, 2), MISFITS(TG_SHAPE(2, 4), TG_SHAPE(3, 3)))
#define STATE TENSOR(FLOAT, TG_SHAPE(2, 4), RANKS(2, 2), MISFITS(TG_SHAPE(2, 3), TG_SHAPE(3, 4)))
#define STEPS TENSOR(FLOAT, TG_SHAPE(5, 2, 3), RANKS(3, 3), .tied = true, MISFITS(TG_SHAPE(5, 2, 4)))
#define SEQUENCE_OPTIONS                                                                                                                                       \
    OPTION(SHAPE, NULL, tg_rnn_options, .h = F(2, 3)), OPTION(SHAPE, NULL, tg_rnn_options, .h = F(3, 4)),                                                      \
        OPTION(DTYPE, "float64", tg_rnn_options, .h = ones(TG_F64, TG_SHAPE(2, 4))),                                                                           \
        OPTION(SHAPE, "lengths", tg_rnn_options, .lengths = ones(TG_I64, TG_SHAPE(3))), OPTION(DTYPE, "float32", tg_rnn_options, .lengths = F(2))

static void recurrent(void)
{
    CALL(tg_rnn_cell, STEP, STATE, WEIGHTS(1), TRUTH), CALL(tg_lstm_cell, STEP, STATE, STATE, WEIGHTS(4), OUT), CALL(tg_gru_cell, STEP, STATE, WEIGHTS(3));
    CALL(tg_rnn, STEPS, WEIGHTS(1), OPTIONS(SEQUENCE_OPTIONS), OUT),
        CALL(tg_lstm, STEPS, WEIGHTS(4), OPTIONS(SEQUENCE_OPTIONS, OPTION(SHAPE, NULL, tg_rnn_options, .c = F(2, 3))), OUT, OUT),
        CALL(tg_gru, STEPS, WEIGHTS(3), OPTIONS(SEQUENCE_OPTIONS), OUT);
}

#define HEADS(STATUS, SAYS, ...) OPTION(STATUS, SAYS, tg_multi_head_weights, __VA_ARGS__)
#define IN                       .in = F(12, 4)
#define OUT_WEIGHT               .out = F(4, 4)
#define CHOSEN(STATUS, SAYS, ...) OPTION(STATUS, SAYS, tg_multi_head_options, __VA_ARGS__)

static void several_heads(void)
{
    CALL(tg_multi_head_attention, TENSOR(FLOAT, TG_SHAPE(2, 3, 4), RANKS(3, 3), .tied = true, MISFITS(TG_SHAPE(1, 3, 4), TG_SHAPE(2, 3, 5))),
         TENSOR(FLOAT, TG_SHAPE(2, 5, 4), RANKS(3, 3), MISFITS(TG_SHAPE(2, 4, 4), TG_SHAPE(2, 5, 3))),
         TENSOR(FLOAT, TG_SHAPE(2, 5, 4), RANKS(3, 3), MISFITS(TG_SHAPE(2, 6, 4), TG_SHAPE(2, 5, 3))),
         POINTS((&(const tg_multi_head_weights){IN, OUT_WEIGHT, .in_bias = F(12), .out_bias = F(4)}), WRONG(NULL, NULL, NULL),
                WRONG(NULL, "output", (&(const tg_multi_head_weights){IN})), WRONG(NULL, "queries", (&(const tg_multi_head_weights){OUT_WEIGHT})),
                WRONG(NULL, "values", (&(const tg_multi_head_weights){OUT_WEIGHT, .q = F(4, 4), .k = F(4, 4)})),
                HEADS(SHAPE, "input", .in = F(4, 4), OUT_WEIGHT),
                HEADS(SHAPE, "output", IN, .out = F(4)), HEADS(SHAPE, "bias", IN, OUT_WEIGHT, .in_bias = F(4)),
                HEADS(SHAPE, "bias", IN, OUT_WEIGHT, .out_bias = F(4, 1)), HEADS(ARG, "both", IN, OUT_WEIGHT, .q = F(4, 4)),
                HEADS(SHAPE, "keys", OUT_WEIGHT, .q = F(4, 4), .k = F(4, 3), .v = F(4, 4)),
                HEADS(DTYPE, "float64", IN, .out = ones(TG_F64, TG_SHAPE(4, 4)))),
         OPTIONS(CHOSEN(ARG, "heads", .heads = 3), CHOSEN(ARG, "heads", .heads = -1), CHOSEN(ARG, "heads", .heads = INT64_MIN),
                 CHOSEN(ARG, "dropout", .dropout = 2), CHOSEN(SHAPE, NULL, .mask = ones(TG_BOOL, TG_SHAPE(2, 5))),
                 CHOSEN(DTYPE, "int64", .mask = ones(TG_I64, TG_SHAPE(3, 5))), CHOSEN(SHAPE, "keys", .key_mask = ones(TG_BOOL, TG_SHAPE(2, 3))),
                 CHOSEN(DTYPE, "float32", .key_mask = F(2, 5))));
}

void rows_sequence(void)
{
    attention();
    several_heads();
    recurrent();
    CALL(tg_ctc_loss, TENSOR(FLOAT, TG_SHAPE(5, 2, 4), RANKS(3, 3), MISFITS(TG_SHAPE(5, 3, 4))),
         TENSOR(INDEX, TG_SHAPE(2, 3), RANKS(2, 2), .range = 4, .from_start = true, MISFITS(TG_SHAPE(3, 3))),
         TENSOR(INDEX, TG_SHAPE(2), RANKS(1, 1), MISFITS(TG_SHAPE(3))), TENSOR(INDEX, TG_SHAPE(2), RANKS(1, 1), MISFITS(TG_SHAPE(3))),
         OPTIONS(OPTION(ARG, "blank", tg_ctc_options, .blank = -1), OPTION(ARG, "blank", tg_ctc_options, .blank = 4),
                 OPTION(ARG, "blank", tg_ctc_options, .blank = INT64_MAX), OPTION(ARG, "reduction", tg_ctc_options, .reduction = TG_LOSS_BATCHMEAN),
                 OPTION(ARG, "reduction", tg_ctc_options, .reduction = (tg_loss_reduction)-1)));
}
