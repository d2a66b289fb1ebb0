#include <uv.h>
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
#include <zstd.h>
