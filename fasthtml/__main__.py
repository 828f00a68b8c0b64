"""`python -m fasthtml` is the command `fasthtml`."""
import sys

from fasthtml.workshop.cli import main

sys.exit(main())
