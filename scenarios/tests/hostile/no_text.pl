<STDIN>; $| = 1; binmode STDOUT; print "\xff\xfe\x00\x80{\n"; sleep 4711;
