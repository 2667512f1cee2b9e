/* each.h - what the rows of a table (*.def) are expanded with. */
#ifndef TG_EACH_H
#define TG_EACH_H

/* TG_EACH(M, (a, b, c)) is M(a) M(b) M(c), for a list of 1 to 12 names; TG_HOW_MANY((a, b, c)) is 3. */
#define TG_EACH(M, LIST)  TG_EACH_IN_(TG_HOW_MANY(LIST), M, TG_NAMES_ LIST)
#define TG_HOW_MANY(LIST) TG_TWELFTH_(TG_NAMES_ LIST, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

#define TG_NAMES_(...)                                                   __VA_ARGS__
#define TG_TWELFTH_(...)                                                 TG_THIRTEENTH_(__VA_ARGS__)
#define TG_THIRTEENTH_(a, b, c, d, e, f, g, h, i, j, k, l, N, ...)       N
#define TG_EACH_IN_(N, M, ...)                                           TG_EACH_OF_(N, M, __VA_ARGS__)
#define TG_EACH_OF_(N, M, ...)                                           TG_EACH_##N##_(M, __VA_ARGS__)
#define TG_EACH_1_(M, a)                                                 M(a)
#define TG_EACH_2_(M, a, ...)                                            M(a) TG_EACH_1_(M, __VA_ARGS__)
#define TG_EACH_3_(M, a, ...)                                            M(a) TG_EACH_2_(M, __VA_ARGS__)
#define TG_EACH_4_(M, a, ...)                                            M(a) TG_EACH_3_(M, __VA_ARGS__)
#define TG_EACH_5_(M, a, ...)                                            M(a) TG_EACH_4_(M, __VA_ARGS__)
#define TG_EACH_6_(M, a, ...)                                            M(a) TG_EACH_5_(M, __VA_ARGS__)
#define TG_EACH_7_(M, a, ...)                                            M(a) TG_EACH_6_(M, __VA_ARGS__)
#define TG_EACH_8_(M, a, ...)                                            M(a) TG_EACH_7_(M, __VA_ARGS__)
#define TG_EACH_9_(M, a, ...)                                            M(a) TG_EACH_8_(M, __VA_ARGS__)
#define TG_EACH_10_(M, a, ...)                                           M(a) TG_EACH_9_(M, __VA_ARGS__)
#define TG_EACH_11_(M, a, ...)                                           M(a) TG_EACH_10_(M, __VA_ARGS__)
#define TG_EACH_12_(M, a, ...)                                           M(a) TG_EACH_11_(M, __VA_ARGS__)

#endif
