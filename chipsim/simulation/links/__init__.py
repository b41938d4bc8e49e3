"""What travels: packets, the links and routers that they take, and who sends them (rules T4 to T10, T60 to T65)."""
