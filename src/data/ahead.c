/* ahead.c - the thread that makes batches ahead. */
#define _POSIX_C_SOURCE 200809L
#include "data/ahead.h"

#include <signal.h>
#include <unistd.h>

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

/* Fills trays until it is told to end. */
static void *fill_trays(void *ctx)
{
    tg_ahead *a = ctx;
    pthread_mutex_lock(&a->lock);
    while (!a->end) {
        if (a->halted || a->empty == 0) {
            pthread_cond_wait(&a->changed, &a->lock);
            continue;
        }
        tg_tray *s = &a->trays[a->fill];
        a->busy = true;
        pthread_mutex_unlock(&a->lock);
        tg_maker_next(a->maker, s, &a->stop);
        pthread_mutex_lock(&a->lock);
        a->busy = false;
        if (!atomic_load(&a->stop)) {
            s->ready = true;
            a->fill = (a->fill + 1) % a->n;
            a->empty--;
        }
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Signals are the other threads' business. Where the system has no thread to give, batches are made when they are asked for. */
static void start(tg_ahead *a)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before)) return;
    if (pthread_create(&a->thread, NULL, fill_trays, a) == 0) a->process = getpid();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A child of a fork has the memory and not the thread, which may have held the lock. */
static bool is_lost(const tg_ahead *a) { return a->process && a->process != getpid(); }

static void forget_lost_thread(tg_ahead *a)
{
    if (!is_lost(a)) return;
    a->process = 0;
    a->busy = false;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
}

/* ---- the ring ------------------------------------------------------------------------------------------------------- */

bool tg_ahead_open(tg_ahead *a)
{
    if (pthread_mutex_init(&a->lock, NULL)) return false;
    if (pthread_cond_init(&a->changed, NULL) == 0) return true;
    pthread_mutex_destroy(&a->lock);
    return false;
}

void tg_ahead_close(tg_ahead *a)
{
    if (is_lost(a)) return; /* what it did with the lock nobody knows */
    if (a->process) {
        pthread_mutex_lock(&a->lock);
        a->end = true;
        atomic_store(&a->stop, true);
        pthread_cond_broadcast(&a->changed);
        pthread_mutex_unlock(&a->lock);
        pthread_join(a->thread, NULL);
    }
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
}

tg_tray *tg_ahead_wait(tg_ahead *a, uint64_t epoch, int64_t at)
{
    if (is_lost(a)) tg_ahead_seek(a, epoch, at);
    tg_tray *s = &a->trays[a->next];
    if (a->threaded && !a->process) start(a);
    if (!a->process) {
        if (!s->ready) tg_maker_next(a->maker, s, &a->stop);
        s->ready = true;
        return s;
    }
    pthread_mutex_lock(&a->lock);
    if (!s->ready && a->halted) {
        a->halted = false;
        pthread_cond_broadcast(&a->changed);
    }
    while (!s->ready) pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
    return s;
}

void tg_ahead_pass(tg_ahead *a)
{
    pthread_mutex_lock(&a->lock);
    a->trays[a->next].ready = false;
    a->next = (a->next + 1) % a->n;
    a->empty++;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

void tg_ahead_seek(tg_ahead *a, uint64_t epoch, int64_t at)
{
    forget_lost_thread(a);
    pthread_mutex_lock(&a->lock);
    a->halted = true;
    atomic_store(&a->stop, true);
    while (a->busy) pthread_cond_wait(&a->changed, &a->lock);
    for (int k = 0; k < a->n; k++) a->trays[k].ready = false;
    a->fill = a->next;
    a->empty = a->n;
    tg_maker_seek(a->maker, epoch, at);
    atomic_store(&a->stop, false);
    pthread_mutex_unlock(&a->lock);
}
