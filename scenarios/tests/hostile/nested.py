from hostile import *

sys.stdin.readline()
print('{"dest": "sim", "body": ' + "[" * 500_000)
time.sleep(4711)
