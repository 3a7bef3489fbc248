exec sleep 4711
