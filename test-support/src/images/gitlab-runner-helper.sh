#!/bin/sh
# Stands for GitLab's gitlab-runner-helper, which cannot be built or had where these tests run.
# It has the commands and flags that the runner's scripts use, speaks to the same endpoints, and
# ends as GitLab's program does. Archives are tar.gz, not zip, and URLs are http:// alone.
set -eu

fail() {
    echo "FATAL: $*" >&2
    exit 1
}

if [ "${1:-}" = --version ]; then
    echo "Version:      stand-in"
    exit 0
fi
command=${1:?"a command"}
shift
url='' token='' id='' file='' type=archive format=zip
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/paths"
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || fail "flag needs an argument: $1"
    case $1 in
    --url) url=$2 ;;
    --token) token=$2 ;;
    --id) id=$2 ;;
    --file) file=$2 ;;
    --artifact-type) type=$2 ;;
    --artifact-format) format=$2 ;;
    --path) printf '%s\n' "$2" >>"$work/paths" ;;
    --timeout | --response-header-timeout | --name | --expire-in | --alternate-file) ;;
    *) fail "flag provided but not defined: $1" ;;
    esac
    shift 2
done

# Packs what the patterns name, relative to the working directory.
pack() {
    archive=$1
    set --
    while IFS= read -r pattern; do
        found=0
        for match in $pattern; do
            if [ -e "$match" ]; then
                set -- "$@" "$match"
                found=$((found + $(find "$match" | wc -l)))
            fi
        done
        if [ "$found" = 0 ]; then
            echo "WARNING: $pattern: no matching files. Ensure that the artifact path is relative to" \
                "the working directory ($PWD)" >&2
        else
            echo "$pattern: found $found matching artifact files and directories"
        fi
    done <"$work/paths"
    [ $# -gt 0 ] && tar -czf "$archive" "$@"
}

# Sends a file: the method, the URL, the file and, if any, more header lines. Prints the status.
send() {
    rest=${2#http://}
    [ "$rest" != "$2" ] || fail "$2 is not http://"
    place=${rest%%/*}
    printf '%s /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %s\r\n%s\r\n' \
        "$1" "${rest#*/}" "$place" "$(stat -c %s "$3")" "${4:-}" >"$work/request"
    cat "$3" >>"$work/request"
    nc "${place%:*}" "${place#*:}" <"$work/request" | sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'
}

line() {
    printf '%s\r\n_' "$1"
}

case $command in
artifacts-uploader)
    pack "$work/archive" || {
        echo "ERROR: No files to upload" >&2
        exit 0
    }
    boundary=stand-in-$$-$(date +%s)
    {
        printf -- '--%s\r\n' "$boundary"
        printf 'Content-Disposition: form-data; name="file"; filename="artifacts.zip"\r\n'
        printf 'Content-Type: application/octet-stream\r\n\r\n'
        cat "$work/archive"
        printf '\r\n--%s--\r\n' "$boundary"
    } >"$work/form"
    headers=$(line "JOB-TOKEN: $token")
    headers=${headers%_}$(line "Content-Type: multipart/form-data; boundary=$boundary")
    status=$(send POST "${url%/}/api/v4/jobs/$id/artifacts?artifact_format=$format&artifact_type=$type" \
        "$work/form" "${headers%_}")
    [ "$status" = 201 ] || fail "invalid argument: uploading artifacts to coordinator... $status"
    echo "Uploading artifacts as \"$type\" to coordinator... 201 Created id=$id"
    ;;
artifacts-downloader)
    wget -q -O "$work/archive" --header "JOB-TOKEN: $token" "${url%/}/api/v4/jobs/$id/artifacts" ||
        fail "ERROR: Downloading artifacts from coordinator... not found id=$id"
    tar -xozf "$work/archive"
    echo "Downloading artifacts from coordinator... ok id=$id"
    ;;
cache-archiver)
    mkdir -p "$(dirname "$file")"
    pack "$file" || exit 0
    [ -n "$url" ] || exit 0
    status=$(send PUT "$url" "$file")
    [ "$status" = 200 ] || fail "received: $status"
    echo "Uploading $(basename "$file") to ${url%%\?*}"
    ;;
cache-extractor)
    mkdir -p "$(dirname "$file")"
    if [ -n "$url" ]; then
        wget -q -O "$file" "$url" || {
            rm -f "$file"
            fail "file does not exist"
        }
        echo "Downloading $(basename "$file") from ${url%%\?*}"
    fi
    [ -e "$file" ] || fail "file does not exist"
    tar -xozf "$file"
    ;;
*) fail "No help topic for '$command'" ;;
esac
