#!/usr/bin/env bash
# A browser for the dashboard's test: one on PATH, else Debian's when root, else Playwright's own, else one loud line.
set -u
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1
  command -v chromium >/dev/null && exit 0
fi
.venv/bin/playwright install chromium >/dev/null 2>&1 && exit 0
echo "NOT TESTED IN A BROWSER: no chromium on PATH, none could be installed; install chromium and run 'make test-browser'"
exit 0
