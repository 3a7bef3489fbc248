# Refuses whatever it is asked, politely.
from hostile import *

for line in sys.stdin:
    event = json.loads(line)
    if is_of_client(event):
        say(event["src"], {"type": "error", "code": 11, "in_reply_to": event["body"]["msg_id"]})
    done()
