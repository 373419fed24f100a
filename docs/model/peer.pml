/* The lease of a protected compute, from the control plane or, when that cannot be reached, from the peer that keeps its checkpoints.
   As built = -DPROMISE -DLIVES -DDURABLE -DPFRESH -DHELD */
#define TTL 2
#define MAXT 8
#define IS_OPEN (now < gate)           /* the device's kernel; the peer's copy is the other one */
#define LONGER (t0+TTL > gate -> t0+TTL : gate)
byte now, gate = TTL, cdl = TTL, pdl = TTL, gen = 1, told = 1, held = 1, promised, restarts, asks;
bit dead, p_open, moved;
active proctype Device() {             /* may stall between any two steps, and any message may be lost */
 byte t0;
 do
 :: !moved && asks < 4 -> asks++; t0 = now;                          /* the ticket, before anybody is asked */
    if
    :: d_step { !dead && told == gen -> cdl = now + TTL; moved = p_open }    /* granted by the control plane, which says what has moved */
       if :: d_step { held = told; gate = (moved -> gate : LONGER) } :: moved = 0 fi     /* heard, or not */
    :: d_step { dead && told == gen -> dead = 0; cdl = now + TTL; moved = p_open }       /* readmitted */
       if :: d_step { held = told; gate = (moved -> gate : LONGER) } :: moved = 0 fi
    :: told != gen -> told = gen                                         /* refused, and told */
#ifdef PROMISE
#ifdef HELD
    :: d_step { promised < held -> pdl = now + TTL }                     /* granted by the peer */
#else
    :: d_step { promised < told -> pdl = now + TTL }
#endif
#else
    :: d_step { pdl = now + TTL }
#endif
       if :: d_step { gate = LONGER } :: skip fi
    :: skip                                                              /* nobody answers */
    fi
 :: else -> break
 od }
active proctype Control() {
 byte died;
 do
 :: d_step { now > cdl && !dead && !p_open -> dead = 1; gen++; died = gen - 1 }
 :: dead && !p_open ->                                                   /* asks the peer to promise */
    if
    :: d_step {
#ifdef LIVES
       now > pdl ->
#else
       true ->
#endif
#ifdef PROMISE
       promised = died
#else
       skip
#endif
       }
       if
       :: d_step { dead && died == gen - 1 && !p_open -> p_open = 1 }    /* compare-and-set: still dead, of this death */
       :: else
       fi
    :: skip                                                              /* it lives by the peer's word, or the peer is silent */
    fi
 :: now == MAXT -> break
 od }
active proctype Peer() {               /* its worker may start anew */
 do
 :: d_step { restarts < 1 && now < MAXT -> restarts++;
#ifndef DURABLE
      promised = 0;
#endif
#ifdef PFRESH
      pdl = now + TTL
#else
      pdl = 0
#endif
    }
 :: now == MAXT -> break
 od }
active proctype Clock() { do :: d_step { now < MAXT -> now++ } :: now == MAXT -> break od }
active proctype Check() { do :: atomic { p_open && IS_OPEN -> assert(false) } :: now == MAXT -> break od }
