"""`osmia bugtool`: an archive for support.

It may be given to strangers. So nothing is copied: each file is made of facts that are known to
hold no secret, and what is not known to be harmless is left out. No environment, no arguments, no
events, no texts of filters, redactions or policies, no names of binaries, pods or files.
"""
