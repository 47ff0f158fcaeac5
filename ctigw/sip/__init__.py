"""SIP without sockets and clocks: bytes in, bytes and events out (RFC 3261, 3581, 6026, 8760)."""
