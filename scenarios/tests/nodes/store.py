# The store of one server of NODES.md, for nodes that go wrong in one place: `hook(event)` is called before each event.
import json
import os
import sys


def say(dest, body, **more):
    sys.stdout.write(json.dumps({"dest": dest, "body": body, **more}) + "\n")


def done():
    say("sim", {"type": "done"})
    sys.stdout.flush()


def apply(store, body):
    kind, key = body["type"], body["key"]
    if kind == "read":
        return {"type": "read_ok", "value": store.get(key)}
    if kind == "write":
        store[key] = body["value"]
    elif kind == "append":
        store[key] = store.get(key, "") + body["value"]
    elif kind == "delete":
        store.pop(key, None)
    elif kind == "cas":
        if key not in store and not body.get("create_if_not_exists"):
            return {"type": "error", "code": 20}
        if key in store and store[key] != body["from"]:
            return {"type": "error", "code": 22}
        store[key] = body["to"]
    return {"type": kind + "_ok"}


def main(hook=lambda event: None, answer=apply):
    store, latest = {}, {}
    for line in sys.stdin:
        event = json.loads(line)
        hook(event)
        src, body = event["src"], event["body"]
        if body["type"] == "init":
            store, latest = body["saved"].get("all", [{}, {}])
        elif src.startswith("c"):
            number, reply = latest.get(src, (0, None))
            if body["msg_id"] > number:
                number, reply = latest[src] = body["msg_id"], answer(store, body)
                say("sim", {"type": "save", "key": "all", "value": [store, latest]})
            if body["msg_id"] == number:
                say(src, {**reply, "in_reply_to": number}, after_save=True)
        done()
