/* 47_karate_club.c - a graph network tells who followed whom when a karate club broke up, from two labels.
 *
 * Zachary watched 34 members of a club and noted which of them met outside of it (78 pairs). After a quarrel between the instructor (member 1) and the president
 * (member 34) the club split. A graph convolution mixes what is known of each member with what is known of his friends: H' = f(Â H W), with
 * Â = D^-1/2 (A + I) D^-1/2, A the friendships and D the number of friends, oneself included. Members begin with nothing but their own number; the
 * loss knows the two leaders alone; where everybody else ends up follows from the friendships. Zachary 1977; Kipf, Welling 2017. */
#include "demo.h"
#include "demo_draw.h"

enum { MEMBERS = 34, PAIRS = 78, HIDDEN = 8, STEPS = 200, RUNS = 5, ENOUGH = 32 };

static const int pairs[PAIRS][2] = {
    {1, 2},   {1, 3},   {1, 4},   {1, 5},   {1, 6},   {1, 7},   {1, 8},   {1, 9},   {1, 11},  {1, 12},  {1, 13},  {1, 14},  {1, 18},
    {1, 20},  {1, 22},  {1, 32},  {2, 3},   {2, 4},   {2, 8},   {2, 14},  {2, 18},  {2, 20},  {2, 22},  {2, 31},  {3, 4},   {3, 8},
    {3, 9},   {3, 10},  {3, 14},  {3, 28},  {3, 29},  {3, 33},  {4, 8},   {4, 13},  {4, 14},  {5, 7},   {5, 11},  {6, 7},   {6, 11},
    {6, 17},  {7, 17},  {9, 31},  {9, 33},  {9, 34},  {10, 34}, {14, 34}, {15, 33}, {15, 34}, {16, 33}, {16, 34}, {19, 33}, {19, 34},
    {20, 34}, {21, 33}, {21, 34}, {23, 33}, {23, 34}, {24, 26}, {24, 28}, {24, 30}, {24, 33}, {24, 34}, {25, 26}, {25, 28}, {25, 32},
    {26, 32}, {27, 30}, {27, 34}, {28, 34}, {29, 32}, {29, 34}, {30, 33}, {30, 34}, {31, 33}, {31, 34}, {32, 33}, {32, 34}, {33, 34}};

/* Whose club each of them joined: 0 the instructor's, 1 the president's. */
static const int joined[MEMBERS] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* ---- the lesson ------------------------------------------------------------------------------------------------------ */

/* Â [34,34] */
static tg_tensor *normalised_friendships(tg_tape *t)
{
    float a[MEMBERS][MEMBERS] = {{0}};
    for (int i = 0; i < MEMBERS; i++) a[i][i] = 1;
    for (int k = 0; k < PAIRS; k++) a[pairs[k][0] - 1][pairs[k][1] - 1] = a[pairs[k][1] - 1][pairs[k][0] - 1] = 1;
    tg_tensor *friends = tg_from_f32(t, TG_SHAPE(MEMBERS, MEMBERS), a[0]), *scale = tg_rsqrt(tg_sum(friends, TG_AXES(1), true)); /* [34,1] */
    return tg_mul(tg_mul(friends, scale), tg_transpose(scale, 0, 1));
}

typedef struct network {
    tg_tensor *friends, *w1, *w2, *w3;
} network;

/* Two numbers for each member, from which the class is read, and drawn. */
static tg_tensor *places(const network *n)
{
    tg_tensor *h = tg_tanh(tg_matmul(n->friends, n->w1)); /* the members' own numbers, one-hot, times w1 are w1 */
    return tg_tanh(tg_matmul(n->friends, tg_matmul(h, n->w2)));
}

/* One run: how many members are told rightly (all 34, with the two whose labels were given), and where they are; -1 after an error. */
static int split_club(uint64_t seed, float place[MEMBERS][2])
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.seed = seed});
    network  n = {tg_keep(normalised_friendships(t)), tg_param(t, "w1", tg_glorot(t, TG_SHAPE(MEMBERS, HIDDEN))),
                  tg_param(t, "w2", tg_glorot(t, TG_SHAPE(HIDDEN, 2))), tg_param(t, "w3", tg_glorot(t, TG_SHAPE(2, 2)))};
    tg_optim *opt = tg_adam(t, &(tg_adam_options){.lr = 0.02, .weight_decay = 5e-4});
    bool      ok = true;
    for (int k = 0; k < STEPS && ok; k++) {
        tg_tensor *logits = tg_matmul(places(&n), n.w3), *leaders = tg_from_i64(t, TG_SHAPE(2), (int64_t[]){0, MEMBERS - 1});
        tg_tensor *loss = tg_cross_entropy(tg_index_select(logits, 0, leaders), tg_from_i64(t, TG_SHAPE(2), (int64_t[]){0, 1}));
        ok = !tg_minimize(opt, loss);
        tg_reset(t);
    }
    int64_t    told[MEMBERS];
    tg_tensor *at = places(&n);
    ok = ok && !tg_copy_to(at, place, MEMBERS * sizeof *place) && !tg_copy_to(tg_argmax(tg_matmul(at, n.w3), 1, false), told, sizeof told);
    tg_tape_free(t);
    int right = 0;
    for (int i = 0; i < MEMBERS && ok; i++) right += told[i] == joined[i];
    return ok ? right : -1;
}

/* ---- picture --------------------------------------------------------------------------------------------------------- */

static bool draw(const char *out, float place[MEMBERS][2])
{
    static char name[MEMBERS][12];
    const char *label[2][MEMBERS];
    double      x[2][MEMBERS], y[2][MEMBERS];
    tg_points   clubs[2] = {{.name = "instructor's club"}, {.name = "president's club"}};
    for (int i = 0; i < MEMBERS; i++) {
        tg_points *c = &clubs[joined[i]];
        snprintf(name[i], sizeof name[i], "%d", i + 1);
        x[joined[i]][c->n] = place[i][0], y[joined[i]][c->n] = place[i][1], label[joined[i]][c->n++] = name[i];
    }
    for (int k = 0; k < 2; k++) clubs[k].x = x[k], clubs[k].y = y[k], clubs[k].labels = label[k];
    return demo_plane(out, "karate_club",
                      &(tg_plane){.title = "The members' two numbers, by the club they joined", .points = clubs, .n_points = 2});
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    const char  *out = "out";
    int64_t      seed = 1;
    bool         quick = false;
    int          status, worst = MEMBERS;
    float        place[MEMBERS][2];
    const demo_option options[] = {
        {"--seed", "N", "of the first of five runs", .count = &seed, .low = 0, .high = 1e15},
        {"--out", "DIR", "where the picture goes", .text = &out},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "A graph network on Zachary's karate club.", options, DEMO_COUNT(options), &status)) return status;
    if (!demo_directory(out)) return 1;
    for (int64_t k = 0; k < RUNS; k++) {
        const int right = split_club((uint64_t)(seed + k), place);
        if (right < 0) return 1;
        printf("seed %" PRId64 ": %d of %d members in the right club\n", seed + k, right, MEMBERS);
        worst = right < worst ? right : worst;
    }
    if (!draw(out, place)) return 1;
    if (worst < ENOUGH) printf("It did not learn: at least %d members should be right with every seed.\n", ENOUGH);
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"worst_of_five", worst}};
    return demo_result("47_karate_club", "zachary", worst >= ENOUGH, fields, DEMO_COUNT(fields));
}
