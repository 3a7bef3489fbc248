# Reads what is the grader's: private seeds, results, memory.
from common import *

for path in ["source/assignment/assignment.toml", "source/settings.sh", "results/results.json", "results/campaign.json"]:
    attempt(path, lambda: read(f"{ROOT}/{path}"))
for path in ["source", "source/assignment", "results"]:
    attempt(path, lambda: os.listdir(f"{ROOT}/{path}"))
for path in ["environ", "mem", "maps"]:
    attempt(path, lambda: read(f"/proc/{GRADER}/{path}"))
attempt("fd", lambda: os.listdir(f"/proc/{GRADER}/fd"))
attempt("a link to the assignment", lambda: read("link"))
attempt("shadow", lambda: read("/etc/shadow"))
end()
