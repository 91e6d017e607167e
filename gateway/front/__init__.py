"""The public listener: a request becomes an inbound, an answer becomes bytes."""
