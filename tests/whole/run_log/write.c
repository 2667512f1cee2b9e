/* write.c - a log with a record of each kind, in the directory that is its argument: for test_run_log.sh. */
#include <tapegrad.h>

int main(int argc, char **argv)
{
    const uint8_t red_blue[] = {255, 0, 0, 0, 0, 255};
    tg_tape      *t = tg_tape_new(NULL);
    tg_run_log   *l = argc == 2 ? tg_run_log_open(t, argv[1], -1) : NULL;
    tg_tensor    *w = tg_param(t, "net.w", tg_from_f32(t, TG_SHAPE(4), (float[]){-1, 0, 0.5f, 3}));
    tg_status     s = tg_backward(tg_sum_all(tg_mul(w, w)));
    s |= tg_run_log_scalar(l, 0, "loss/train", 2.5);
    s |= tg_run_log_scalar(l, 7, "loss/train", 0.25);
    s |= tg_run_log_params(l, 7, NULL, true);
    s |= tg_run_log_image(l, 7, "two pixels", tg_from_data(t, TG_U8, TG_SHAPE(3, 1, 2), red_blue));
    s |= tg_run_log_text(l, 7, "note", "größer *als* gedacht");
    s |= tg_run_log_hyper(l, (const char *[]){"lr", "layers"}, (double[]){0.125, 3}, 2);
    s |= tg_run_log_flush(l);
    tg_tape_free(t);
    l = tg_run_log_open(t = tg_tape_new(NULL), argv[1], 7); /* goes on at step 7 */
    s |= tg_run_log_scalar(l, 7, "loss/train", 0.5);
    tg_tape_free(t);
    return s == TG_OK ? 0 : 1;
}
