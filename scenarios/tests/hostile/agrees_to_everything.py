# Answers everything at once, and does nothing.
from hostile import *

for line in sys.stdin:
    event = json.loads(line)
    if is_of_client(event):
        body = event["body"]
        reply = {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"]}
        say(event["src"], {**reply, "value": None} if body["type"] == "read" else reply)
    done()
