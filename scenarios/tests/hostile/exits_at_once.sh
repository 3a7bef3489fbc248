# Success!
exit 0
