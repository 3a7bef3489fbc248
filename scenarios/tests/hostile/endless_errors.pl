print STDERR "</script><img src=x onerror=pwned()>\e[2J" x 1000 while 1;
