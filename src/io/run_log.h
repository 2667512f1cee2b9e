/* run_log.h - the inside of a run's log: what an event consists of, by the numbers that its fields have in TensorFlow's messages. */
#ifndef TG_RUN_LOG_H
#define TG_RUN_LOG_H

#include <tapegrad/run_log.h>

#include "io/records.h"
#include "io/wire.h"

enum { TG_EVENT_TIME = 1, TG_EVENT_STEP = 2, TG_EVENT_VERSION = 3, TG_EVENT_SUMMARY = 5, TG_EVENT_SESSION = 7 };
enum { TG_SESSION_STATUS = 1, TG_SESSION_START = 1 };
enum { TG_SUMMARY_VALUE = 1 };
enum { TG_VALUE_TAG = 1, TG_VALUE_NUMBER = 2, TG_VALUE_IMAGE = 4, TG_VALUE_HISTOGRAM = 5, TG_VALUE_TENSOR = 8, TG_VALUE_METADATA = 9 };
enum { TG_HISTOGRAM_LOW = 1, TG_HISTOGRAM_HIGH = 2, TG_HISTOGRAM_NUMBER = 3, TG_HISTOGRAM_SUM = 4, TG_HISTOGRAM_SQUARES = 5, TG_HISTOGRAM_LIMITS = 6, TG_HISTOGRAM_COUNTS = 7 };
enum { TG_LOG_HISTOGRAM_PARTS = 64 };
enum { TG_IMAGE_HEIGHT = 1, TG_IMAGE_WIDTH = 2, TG_IMAGE_COLOURS = 3, TG_IMAGE_BYTES = 4 };
enum { TG_TENSOR_DTYPE = 1, TG_TENSOR_SHAPE = 2, TG_TENSOR_STRINGS = 8 };
/* Hyper-parameters: metadata, in it the plugin's data, its content, the session's start, in that a list of keys and values. */
enum { TG_METADATA_PLUGIN = 1, TG_PLUGIN_NAME = 1, TG_PLUGIN_CONTENT = 2, TG_HYPER_STARTED = 3, TG_HYPER_PARAMETERS = 1, TG_HYPER_KEY = 1, TG_HYPER_VALUE = 2, TG_HYPER_NUMBER = 2 };

enum { TG_LOG_PATH = 4096 };
/* The log's file; false where the directory's path is too long. */
bool tg_run_log_path(const char *directory, char path[TG_LOG_PATH]);

#endif
