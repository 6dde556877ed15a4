"""`osmia tree`: which process started which, how each ended, and where policies fired."""
