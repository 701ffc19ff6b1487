"""Everything that is learnt before a point is measured: fits, networks, teachers, adaptation."""
