# Answers with text that would like to be markup, or to do something to a terminal.
from hostile import *


def answer(state, body):
    reply = store.apply(state, body)
    return {**reply, "value": TEXT} if body["type"] == "read" else reply


store.main(answer=answer)
