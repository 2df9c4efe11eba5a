"""What the library says while it loads a network reaches the node's log, and only then."""

import logging

from depth_estimation_ros.library_log import forwarded


class Logger:
    def __init__(self):
        self.lines = []

    def info(self, text):
        self.lines.append(("info", text))

    def warning(self, text):
        self.lines.append(("warning", text))


def test_messages_are_forwarded_while_the_block_lasts():
    logger, library = Logger(), logging.getLogger("depth_models.backends")
    with forwarded(logger):
        library.info("building %s", "unet")
        library.warning("going on without it")
        logging.getLogger("somebody").warning("else")
    library.warning("too late")
    assert logger.lines == [("info", "building unet"), ("warning", "going on without it")]
