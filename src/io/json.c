/* json.c - tokens of JSON. */
#include "io/json.h"

#include <jansson.h>
#include <string.h>

bool tg_json_malformed(tg_json *j, const char *what)
{
    j->status = tg_fail_on(j->file->tape, TG_ERR_FORMAT, j->file->function, "%s is not %s: %s", j->file->path, j->what, what);
    return false;
}

/* The next character that is no white space; 0 at the end. */
static char peek(tg_json *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r')) j->at++;
    return j->at < j->end ? *j->at : 0;
}

bool tg_json_take(tg_json *j, char c)
{
    if (peek(j) != c) return tg_json_malformed(j, "its header is not the JSON that belongs there");
    j->at++;
    return true;
}

bool tg_json_end(tg_json *j)
{
    return peek(j) || j->at < j->end ? tg_json_malformed(j, "there is something behind its header's JSON") : true;
}

/* A string or an integer, which the caller frees. The buffer's length is the limit: a longer token is cut there and so
 * malformed. */
static json_t *token(tg_json *j, json_type type)
{
    const char c = peek(j);
    if (type == JSON_STRING ? c != '"' : c != '-' && (c < '0' || c > '9')) {
        tg_json_malformed(j, type == JSON_STRING ? "a string is missing in its header" : "a number is missing in its header");
        return NULL;
    }
    const size_t left  = (size_t)(j->end - j->at);
    json_error_t error = {0};
    json_t      *value = json_loadb(j->at, left < TG_JSON_STRING_MAX ? left : TG_JSON_STRING_MAX, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);
    if (value && json_typeof(value) == type) {
        j->at += error.position;
        return value;
    }
    if (!value && (json_error_code(&error) == json_error_out_of_memory || !*error.text))
        j->status = tg_out_of_memory(j->file->tape, j->file->function);
    else
        tg_json_malformed(j, "a string or number in its header is broken, or longer than 4 MiB");
    json_decref(value);
    return NULL;
}

bool tg_json_integer(tg_json *j, int64_t *value)
{
    json_t *number = token(j, JSON_INTEGER);
    if (!number) return false;
    *value = json_integer_value(number);
    json_decref(number);
    return true;
}

bool tg_json_another(tg_json *j, char close, int64_t *n)
{
    if (j->status != TG_OK) return false;
    if (peek(j) == close) {
        j->at++;
        return false;
    }
    return (*n)++ == 0 || tg_json_take(j, ',');
}

char *tg_json_string(tg_json *j)
{
    peek(j);
    char   *start = j->at;
    json_t *text  = token(j, JSON_STRING);
    if (!text) return NULL;
    memcpy(start, json_string_value(text), json_string_length(text) + 1);
    json_decref(text);
    return start;
}

static bool is_of_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' || c == '-' || c == '.';
}

/* A number, true, false or null, of which nobody asks what it is. */
static bool skip_word(tg_json *j)
{
    const char *first = j->at;
    while (j->at < j->end && is_of_word(*j->at)) j->at++;
    return j->at > first ? true : tg_json_malformed(j, "its header is not the JSON that belongs there");
}

/* Which of the open brackets are those of objects is a bit for each of them. */
bool tg_json_skip(tg_json *j)
{
    uint64_t objects = 0;
    int64_t  items   = 0;
    for (int depth = 0;;) {
        const char c = peek(j);
        if (c == '{' || c == '[') {
            if (++depth > 64) return tg_json_malformed(j, "its header nests more than 64 deep");
            objects = objects << 1 | (c == '{');
            items   = 0;
            j->at++;
        } else if (c == '"' ? !tg_json_string(j) : !skip_word(j)) {
            return false;
        } else if (depth == 0) {
            return true;
        }
        /* Behind a value or an opening bracket: the end of what is open, or the next item in it. */
        while (depth > 0 && !tg_json_another(j, objects & 1 ? '}' : ']', &items)) {
            if (j->status != TG_OK) return false;
            objects >>= 1;
            items = 1;
            if (--depth == 0) return true;
        }
        if (depth > 0 && objects & 1 && (!tg_json_string(j) || !tg_json_take(j, ':'))) return false;
    }
}
