/* test_shards.c - several safetensors files behind one index: read as one archive; and indexes that lie. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "file_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define FIRST  "m-00001-of-00002.safetensors"
#define SECOND "m-00002-of-00002.safetensors"

static const float numbers[6] = {1, 2, 3, 4, 5, 6};

/* Both files: w [2,3] and e [0] in the first, b [1] in the second. */
static void put_files(const fixture *f)
{
    write_archive(in_dir(f, FIRST), "{\"__metadata__\":{\"format\":\"pt\"}," ENTRY("w", "F32", "[2,3]", "[0,24]") "," ENTRY("e", "F32", "[0]", "[0,0]") "}", numbers, 24);
    write_archive(in_dir(f, SECOND), "{\"__metadata__\":{\"format\":\"pt\"}," ENTRY("b", "F32", "[1]", "[0,4]") "}", numbers, 4);
}

static void put_index(const fixture *f, const char *text) { write_file(in_dir(f, "i"), text, strlen(text)); }

static const char good[] = "{\"metadata\":{\"total_size\":28},\"weight_map\":{\"w\":\"" FIRST "\",\"b\":\"" SECOND "\",\"e\":\"" FIRST "\"}}";

static void read_as_one(void **state)
{
    fixture          *f      = *state;
    tg_tape          *t      = f->tape;
    const char *const order[] = {"e", "w", "b"}, *const others[] = {
        good,
        " {\n\"weight_map\" : {\"b\":\"" SECOND "\", \"w\":\"" FIRST "\", \"e\":\"" FIRST "\"} , \"metadata\":{\"a\":[1,{\"b\":[[],{}]},-2.5e3,true,null,\"x\\u00e9\"],\"c\":{}}}\r\n",
        "{\"x\":1,\"weight_map\":{\"w\":\"" FIRST "\",\"b\":\"" SECOND "\",\"e\":\"" FIRST "\"},\"y\":\"{\",\"z\":[]}"};
    put_files(f);
    for (size_t i = 0; i < COUNT(others); i++) {
        put_index(f, others[i]);
        tg_archive *a = tg_archive_open(t, in_dir(f, "i"));
        if (!a) fail_msg("%s", tg_error(t));
        assert_int_equal(tg_archive_count(a), 3);
        for (int k = 0; k < 3; k++) assert_string_equal(tg_archive_name(a, k), order[k]);
        assert_memory_equal(tg_data(tg_archive_read(a, "w")), numbers, 24);
        assert_memory_equal(tg_data(tg_archive_read_rows(a, "w", 1, 1)), numbers + 3, 12);
        assert_true(tg_item(tg_archive_read(a, "b")) == 1);
        assert_int_equal(tg_archive_metadata_count(a), 1);
        assert_string_equal(tg_archive_metadata_key(a, 0), "format");
        assert_string_equal(tg_archive_metadata(a, "format"), "pt");
        tg_archive_close(a);
    }
    tg_tape   *u = new_tape(f);
    tg_tensor *w = tg_param(u, "w", tg_zeros(u, TG_SHAPE(2, 3))), *b = tg_param(u, "b", tg_zeros(u, TG_SHAPE(1))), *e = tg_param(u, "e", tg_zeros(u, TG_SHAPE(0)));
    assert_true(w && b && e);
    assert_int_equal(tg_load(u, in_dir(f, "i")), TG_OK);
    assert_memory_equal(tg_data(w), numbers, 24);
    assert_true(tg_item(b) == 1);
    tg_tape_free(u);
    put_index(f, "{\"weight_map\":{}}");
    tg_archive *a = tg_archive_open(t, in_dir(f, "i"));
    assert_non_null(a);
    assert_int_equal(tg_archive_count(a), 0);
    /* A link to the index: the files are beside the link. */
    put_index(f, good);
    assert_int_equal(mkdir(in_dir(f, "d"), 0700), 0);
    assert_int_equal(symlink("../i", in_dir(f, "d/i")), 0);
    assert_null(tg_archive_open(t, in_dir(f, "d/i")));
    expect_error(t, TG_ERR_IO, "cannot open");
    assert_int_equal(symlink("../" FIRST, in_dir(f, "d/" FIRST)), 0);
    assert_int_equal(symlink("../" SECOND, in_dir(f, "d/" SECOND)), 0);
    assert_non_null(tg_archive_open(t, in_dir(f, "d/i")));
}

static void refuses(const fixture *f, const char *text, tg_status status, const char *part)
{
    put_index(f, text);
    if (tg_archive_open(f->tape, in_dir(f, "i"))) fail_msg("was read instead of: %s", part);
    expect_error(f->tape, status, part);
}

#define MAP(LINES) "{\"weight_map\":{" LINES "}}"

static void malformed(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"{", "is not an index of safetensors files: "},
        {"{}", "it has no weight_map"},
        {"{\"metadata\":{}}", "it has no weight_map"},
        {"{\"weight_map\":[]}", "is not the JSON that belongs there"},
        {"{\"weight_map\":{\"w\":1}}", "a string is missing"},
        {"{\"weight_map\":{\"w\":\"x\"", "is not the JSON"},
        {"{\"weight_map\":{},\"weight_map\":{}}", "there are two weight_map"},
        {"{\"weight_map\":{}}x", "there is something behind"},
        {"{\"weight_map\":{}", "is not the JSON"},
        {"{\"metadata\":[1}", "is not the JSON"},
        {"{\"metadata\":{\"a\":1]", "is not the JSON"},
        {"{\"metadata\":{\"a\"}", "is not the JSON"},
        {"{\"metadata\":{1:2}", "a string is missing"},
        {"{\"metadata\":[1 2]", "is not the JSON"},
        {"{\"metadata\":[,]", "is not the JSON"},
        {"{\"metadata\":,", "is not the JSON"},
        {"{\"metadata\":", "is not the JSON"},
        {MAP("\"w\":\"\""), "names the file '', which is not in the same directory"},
        {MAP("\"w\":\".\""), "names the file '.', which"},
        {MAP("\"w\":\"..\""), "names the file '..', which"},
        {MAP("\"w\":\"../x\""), "names the file '../x', which"},
        {MAP("\"w\":\"/etc/passwd\""), "names the file '/etc/passwd', which"},
        {MAP("\"w\":\"a/" FIRST "\""), "which is not in the same directory"},
        {MAP("\"w\":\"\\u002e\\u002e\\u002fx\""), "names the file '../x', which"},
        {MAP("\"w\":\"" FIRST "\""), "disagree: tensor 'e' is in the file alone"},
        {MAP("\"w\":\"" FIRST "\",\"e\":\"" FIRST "\",\"e\":\"" FIRST "\""), "disagree: tensor 'e' is in the index alone"},
        {MAP("\"w\":\"" FIRST "\",\"e\":\"" FIRST "\",\"f\":\"" FIRST "\""), "disagree: tensor 'f' is in the index alone"},
        {MAP("\"w\":\"" FIRST "\",\"e\":\"" FIRST "\",\"c\":\"" SECOND "\""), "disagree: tensor 'b' is in the file alone"},
        {MAP("\"w\":\"" SECOND "\",\"e\":\"" FIRST "\",\"b\":\"" SECOND "\""), "disagree: tensor 'w' is in the file alone"},
    };
    put_files(f);
    for (size_t i = 0; i < COUNT(bad); i++) refuses(f, bad[i].text, TG_ERR_FORMAT, bad[i].part);
    refuses(f, MAP("\"w\":\"none\""), TG_ERR_IO, "cannot open ");
    write_file(in_dir(f, "bad"), "12345678", 8);
    refuses(f, MAP("\"w\":\"bad\""), TG_ERR_FORMAT, "bad' is not a safetensors file");
    /* The same tensor in both: each file agrees with the index, but the name is there twice. */
    write_archive(in_dir(f, SECOND), "{" ENTRY("w", "F32", "[1]", "[0,4]") "}", numbers, 4);
    refuses(f, MAP("\"w\":\"" FIRST "\",\"e\":\"" FIRST "\",\"w\":\"" SECOND "\""), TG_ERR_FORMAT, "has two tensors with the name 'w'");
    /* An index is none of its own files. */
    refuses(f, MAP("\"w\":\"i\""), TG_ERR_FORMAT, "is not a safetensors file");
}

/* Every beginning of a good one; brackets without end. */
static void cut_off(void **state)
{
    fixture *f = *state;
    char     text[5000];
    put_files(f);
    for (size_t n = 0; n < sizeof good - 1; n++) {
        write_file(in_dir(f, "i"), good, n);
        assert_null(tg_archive_open(f->tape, in_dir(f, "i")));
        expect_error(f->tape, TG_ERR_FORMAT, n ? "index" : "is empty");
    }
    for (int depth = 60; depth < 70; depth++) {
        char *at = text + sprintf(text, "{\"m\":");
        for (int i = 0; i < depth; i++) *at++ = '[';
        for (int i = 0; i < depth; i++) *at++ = ']';
        strcpy(at, ",\"weight_map\":{}}");
        put_index(f, text);
        assert_int_equal(tg_archive_open(f->tape, in_dir(f, "i")) != NULL, depth <= 64);
        if (depth > 64) expect_error(f->tape, TG_ERR_FORMAT, "nests more than 64 deep");
    }
    memset(text, '[', sizeof text - 1);
    memcpy(text, "{\"m\":", 5);
    text[sizeof text - 1] = 0;
    refuses(f, text, TG_ERR_FORMAT, "nests more than 64 deep");
}

/* An index of nothing but lines, each as short as it can be, is refused within its own bytes and those of the files, whatever is wrong. */
static void refusing_is_cheap(void **state)
{
    enum { N = 20000, FILES = 200, EACH = N / FILES, LINE = 20, ENTRY_TEXT = 60 };
    fixture *f     = *state;
    char    *index = malloc(N * LINE + 100), *at = index, *header = malloc(EACH * ENTRY_TEXT + 100);
    size_t   all   = 0;
    assert_true(index && header);
    at += sprintf(at, "{\"weight_map\":{");
    for (int k = 0; k < FILES; k++) {
        char *to = header, name[16];
        for (int i = 0; i < EACH; i++) {
            at += sprintf(at, "\"%x\":\"%d\",", k * EACH + i, k);
            to += sprintf(to, "%s\"%x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? "," : "{", k * EACH + i);
        }
        strcpy(to, "}");
        sprintf(name, "%d", k);
        write_archive(in_dir(f, name), header, NULL, 0);
        all += 8 + strlen(header);
    }
    static const struct {
        const char *end, *part;
        tg_status   status;
    } bad[] = {{"]", "a string is missing", TG_ERR_FORMAT},
               {"\"\":\"199\"}}", "tensor '' is in the index alone", TG_ERR_FORMAT},
               {"\"a\":\"99\",\"a\":\"99\"}}", "tensor 'a' is in the index alone", TG_ERR_FORMAT},
               {"\"\":\"none\"}}", "cannot open", TG_ERR_IO}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        strcpy(at, bad[i].end);
        f->peak             = f->held;
        const size_t before = f->held;
        refuses(f, index, bad[i].status, bad[i].part);
        assert_int_equal(f->held, before);
        const size_t size = strlen(index) + (i == 0 ? 0 : all);
        if (f->peak - before > size + 65536) fail_msg("refusing %zu bytes took %zu: %s", size, f->peak - before, bad[i].part);
    }
    strcpy(at - 1, "}}");
    put_index(f, index);
    tg_archive *a = tg_archive_open(f->tape, in_dir(f, "i"));
    assert_int_equal(tg_archive_count(a), N);
    tg_archive_close(a);
    free(index);
    free(header);
}

static void allocations_fail(void **state)
{
    fixture *f      = *state;
    int      failed = 0;
    put_files(f);
    put_index(f, good);
    for (int64_t k = 0;; k++) {
        f->calls         = 0;
        f->fail_from     = k;
        f->fail_to       = k + 1;
        tg_archive *a    = tg_archive_open(f->tape, in_dir(f, "i"));
        f->fail_from     = f->fail_to = 0;
        const bool there = f->calls <= k;
        assert_int_equal(there, a != NULL);
        if (!a) expect_error(f->tape, TG_ERR_MEMORY, "out of memory");
        failed += !a;
        tg_archive_close(a);
        if (there) break;
    }
    assert_true(failed > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(read_as_one), TEST(malformed), TEST(cut_off), TEST(refusing_is_cheap), TEST(allocations_fail)};
    return cmocka_run_group_tests_name("files behind an index", tests, NULL, NULL);
}
