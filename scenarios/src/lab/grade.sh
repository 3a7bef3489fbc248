#!/bin/sh
# Grades this folder: `sh grade`, or `sh grade --row 2.3`. The results are in results/.
set -eu
cd "$(dirname "$0")"
{BUILD}exec "${WHITEWATER:-whitewater}" grade assignment.toml --node '{NODE}' --out results "$@"
