"""`python -m fasthtml` is the command `fasthtml`."""
import sys

from fasthtml.cli import main

sys.exit(main())
