#!/bin/sh
# Installs what the tests need beside Python packages, or says what to install.
set -eu
missing=""
command -v chromium >/dev/null || command -v google-chrome >/dev/null || [ -n "${CHROMIUM:-}" ] || missing="$missing chromium"
have() { command -v "$1" >/dev/null || ls /usr/sbin/"$1" /usr/lib/postgresql/*/bin/"$1" >/dev/null 2>&1; }
have redis-server || [ -n "${USAGE_TEST_REDIS_URL:-}" ] || missing="$missing redis-server"
have initdb || [ -n "${USAGE_TEST_POSTGRES_URL:-}" ] || missing="$missing postgresql"
have nginx || missing="$missing nginx"
command -v openssl >/dev/null || missing="$missing openssl"
# The driver of the browser is a Node.js that wants this library, which a minimal Debian lacks.
.venv/bin/python -m playwright --version >/dev/null 2>&1 || missing="$missing libatomic1"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "The tests need more. Please install it:  sudo apt-get install$missing" >&2
    echo "or point CHROMIUM at a Chromium or Chrome." >&2
    exit 1
fi
