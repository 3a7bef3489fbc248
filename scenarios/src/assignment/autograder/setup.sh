#!/usr/bin/env bash
# Run once, when the image of the autograder is built: installs what submissions need, and makes sure that the grader runs.
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$source/settings.sh"

if [ "${#packages[@]}" -gt 0 ]; then
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"
fi

# Students may read neither the private seeds nor anything else in here.
chmod -R go-rwx "$source"
chmod 700 "$source/whitewater" "$source/run_autograder"
"$source/whitewater" --version
