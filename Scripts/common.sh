# Shared by the scripts of this folder: sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034  # each script uses some of the names

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 70

# Colours only where somebody looks; NO_COLOR is honoured.
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
    bold='' red='' green='' plain=''
fi

# What scripts say goes to standard error, so that a program's own output stays clean.
say() { printf '%s\n' "$*" >&2; }
fail() {
    local code=$1
    shift
    printf '%s\n' "${red}error:${plain} $*" >&2
    exit "$code"
}

# Homebrew's headers and libraries are outside the compiler's search paths.
if [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null; then
    prefix=$(brew --prefix)
    export CPATH="$prefix/include${CPATH:+:$CPATH}"
    export LIBRARY_PATH="$prefix/lib${LIBRARY_PATH:+:$LIBRARY_PATH}"
fi

# Builds with the terminal's own progress line, or silently (except for errors) when nobody looks.
build() {
    local quiet=()
    [ -t 2 ] || quiet=(--quiet)
    swift build ${quiet[@]+"${quiet[@]}"} "$@" </dev/null 1>&2
}
