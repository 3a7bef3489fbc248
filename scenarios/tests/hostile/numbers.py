from hostile import *

sys.stdin.readline()
print('{"dest": "sim", "body": {"type": "timer", "name": "x", "after_us": 1e999}}')
time.sleep(4711)
