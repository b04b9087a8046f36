"""Send notices to the owner: rules over events and judged figures, a kept outbox, and a process that sends."""
