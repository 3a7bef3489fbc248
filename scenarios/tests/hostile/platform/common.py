# What those are made of that are after the grader: attempts, and what is said of those that succeed. `root` is a file in the
# folder of the submission with the folder of the platform, which everybody knows: /autograder.
import os
import sys

if os.getuid() < 1_000_000:
    sys.exit("never without a user of its own")

with open("root") as file:
    ROOT = file.read()

GRADER = os.getppid()
outcomes = []


def attempt(what, action):
    try:
        found = action()
    except OSError:
        outcomes.append(False)
    else:
        outcomes.append(True)
        sys.stderr.write(f"succeeded: {what}: {found!r}\n")


def end():
    sys.exit(f"{len(outcomes)} attempts, {sum(outcomes)} succeeded")


def read(path):
    with open(path, "rb") as file:
        return file.read(1000)


def write(path):
    with open(path, "w") as file:
        file.write('{"score": 100, "tests": []}')
