# The first server does everything by itself, and says nothing about leaders.
from hostile import *


def hook(event):
    if is_of_client(event) and event["dest"] != "n0":
        reply = {"type": "error", "code": 11, "leader": "n0", "in_reply_to": event["body"]["msg_id"]}
        say(event["src"], reply)
        event["src"] = "nobody"


store.main(hook)
