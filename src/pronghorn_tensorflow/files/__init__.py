"""`tf.io`, records, protocol buffers and summaries."""
