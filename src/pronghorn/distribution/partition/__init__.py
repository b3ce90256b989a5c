"""A traced step as programs for processes that each have some of the batch's rows, and the exchanges between them."""
