"""The one exception that is meant for the user: a single line, no traceback, exit status 2."""


class UserError(Exception):
    """Something the user can put right.

    The message is one line: the argument, the value seen and the value wanted. No ValueError:
    tyro would wrap it in a box of its own.
    """
