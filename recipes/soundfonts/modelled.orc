; Instruments of modelled.py: physical models of strings, reeds, pipes and bars, frequency modulation, and filters.
; p4 is the frequency of a note in Hz. The line before an instrument gives its lowest and highest key, and its programs of
; General MIDI.
sr = 44100
ksmps = 16
nchnls = 1
0dbfs = 1
gisine ftgen 0, 0, 8192, 10, 1

opcode struck, a, iiii ; one partial that dies away: frequency, strength, seconds to -60 dB, phase
  icps, istrength, itime, iphase xin
  a1 oscili istrength * expon:k(1, itime, 0.001), icps < 20000 ? icps : 20000, -1, iphase
  xout icps < 20000 ? a1 : a1 * 0
endop

opcode reed, a, kii ; detuned pulses: frequency, detuning, width
  kcps, ituned, iwidth xin
  a1 vco2 0.5, kcps * (1 + ituned), 2, iwidth
  a2 vco2 0.5, kcps * (1 - ituned), 2, iwidth
  xout a1 + a2
endop

opcode held, a, ii ; the envelope of a note that is held: attack and release in seconds
  iattack, irelease xin
  xout linsegr:a(0, iattack, 1, p3 - iattack - irelease, 1, irelease, 0, 0.01, 0)
endop

; 40 84 | 24 105
instr nylon
  a1 pluck 0.8, p4, p4, 0, 1
  a1 tone butterlp(a1, 3500), 900
  out a1 + 0.3 * reson(a1, 105, 40, 1) + 0.2 * reson(a1, 215, 60, 1)
endin

; 36 79 | 25
instr steel
  a1 wgpluck2 0.15, 0.8, p4, 0.15, 0.3
  a2 wgpluck2 0.15, 0.5, p4 * 1.001, 0.2, 0.35
  a1 = a1 + a2
  out a1 + 0.25 * reson(a1, 98, 30, 1) + 0.2 * reson(a1, 190, 50, 1)
endin

; 28 84 | 24 25
instr picked
  a1 pluck 0.8, p4, p4, 0, 1
  a1 = tone(a1, 6000) - 0.6 * delay(a1, 0.2 / p4)
  out a1 + 0.3 * reson(a1, 115, 35, 1) + 0.15 * reson(a1, 400, 90, 1)
endin

; 36 79 | 26 27 31
instr electric
  a1 wgpluck2 0.2, 0.8, p4, 0.25, 0.25
  out butterlp(a1 - 0.8 * delay(a1, 0.12 / p4), 4500)
endin

; 36 86 | 28
instr muted
  a1 pluck 0.8, p4, p4, 0, 1
  out butterlp(a1 - 0.7 * delay(a1, 0.15 / p4), 2500) * expseg:a(1, 0.35, 0.01, p3, 0.001)
endin

; 36 79 | 29
instr overdriven
  a1 wgpluck2 0.2, 0.9, p4, 0.25, 0.2
  out butterlp(butterhp(tanh(a1 * 8), 90), 4500)
endin

; 36 79 | 30
instr distorted
  a1 wgpluck2 0.1, 0.9, p4, 0.2, 0.1
  a1 butterhp a1, 150
  out butterlp(tanh(a1 * 60), 4000)
endin

; 24 62 | 32 35
instr deep
  a1 pluck 0.8, p4, p4, 0, 1
  out tone(butterlp(a1, 1200), 300) + 0.1 * reson(a1, 70, 30, 1)
endin

; 24 67 | 33
instr fingered
  a1 pluck 0.8, p4, p4, 0, 1
  out butterlp(a1 - 0.5 * delay(a1, 0.3 / p4), 1100)
endin

; 24 67 | 34 36 37
instr plucked_bass
  a1 wgpluck2 0.1, 0.8, p4, 0.1, 0.2
  out butterlp(tanh(a1 * 2), 4000)
endin

; 24 67 | 38 39
instr synth_bass
  a1 vco2 0.5, p4, 0
  a2 vco2 0.4, p4 * 0.503, 2, 0.5
  out moogladder(a1 + a2, expseg:k(2800, 0.25, 500, p3, 300), 0.35) * held(0.004, 0.05)
endin

; 28 96 | 4
instr tines
  aindex = expon:a(1, 1.5, 0.01)
  amod oscili 1.6 * aindex, p4
  atine oscili expon:a(0.25, 0.3, 0.001), p4 * 14 < 18000 ? p4 * 14 : 18000
  out sin(phasor:a(p4) * 2 * $M_PI + amod) * expon:a(1, 4, 0.02) + atine * 0.3
endin

; 28 96 | 5
instr reeds_struck
  amod oscili expon:a(2.4, 1, 0.3), p4 * 2
  a1 = sin(phasor:a(p4) * 2 * $M_PI + amod) * expon:a(1, 3, 0.02)
  out tanh(a1 * 1.5)
endin

; 29 89 | 6
instr harpsichord
  a1 pluck 0.6, p4, p4, 0, 1
  a2 pluck 0.4, p4 * 2, p4 * 2, 0, 1
  out butterhp(a1 + a2, 200)
endin

; 29 79 | 7
instr clavinet
  a1 wgpluck2 0.05, 0.9, p4, 0.08, 0.35
  out butterhp(tanh(a1 * 3), 250)
endin

; 28 100 | 16
instr drawbars_full
  a1 = oscili:a(0.5, p4 * 0.5) + oscili:a(0.5, p4 * 1.5) + oscili:a(0.6, p4) + oscili:a(0.4, p4 * 2) + oscili:a(0.2, p4 * 3)
  ktremolo oscili 0.25, 6.3
  out tanh(a1 * (1 + ktremolo)) * held(0.006, 0.02)
endin

; 28 100 | 17
instr drawbars_percussive
  a1 = oscili:a(0.6, p4 * 0.5) + oscili:a(0.6, p4 * 1.5) + oscili:a(0.6, p4)
  out (a1 + struck(p4 * 3, 1.2, 0.5, 0)) * held(0.004, 0.02)
endin

; 28 100 | 16 18
instr drawbars_bright
  kturn oscili 0.004, 6.8
  a1 = oscili:a(0.6, p4 * (1 + kturn)) + oscili:a(0.5, p4 * 2 * (1 + kturn)) + oscili:a(0.4, p4 * 3) + oscili:a(0.4, p4 * 4)
  a2 = oscili:a(0.3, p4 * 6) + oscili:a(0.3, p4 * 8) + oscili:a(0.6, p4 * 0.5)
  out butterlp(tanh((a1 + a2) * 1.5), 6000) * held(0.004, 0.02)
endin

; 28 96 | 19
instr pipes
  kspeak expseg 0.05, 0.06, 0.01, p3, 0.008
  a1 = oscili:a(0.5, p4) + oscili:a(0.35, p4 * 2.003) + oscili:a(0.25, p4 * 4.002) + oscili:a(0.12, p4 * 3) + oscili:a(0.3, p4 * 0.5)
  a2 = oscili:a(0.15, p4 * 5.99) + oscili:a(0.1, p4 * 8.01) + reson(noise(1, 0), p4 * 3, p4 / 4, 2) * kspeak
  out (a1 + a2) * held(0.06, 0.12)
endin

; 28 96 | 20
instr harmonium
  out butterlp(reed(p4, 0.002, 0.3), 2500) * held(0.05, 0.08)
endin

; 36 100 | 80 82
instr square
  kvibrato oscili p4 * 0.004, 5.5
  out butterlp(vco2:a(0.6, p4 + kvibrato, 2, 0.5), 7000) * held(0.005, 0.03)
endin

; 36 100 | 81 84 87
instr saw
  a1 = vco2:a(0.5, p4 * 1.003, 0) + vco2:a(0.5, p4 * 0.997, 0)
  out moogladder(a1, expseg:k(9000, 0.5, 4000, p3, 3000), 0.1) * held(0.005, 0.05)
endin

; 36 100 | 83 85 86
instr blown_lead
  a1 = oscili:a(0.6, p4) + oscili:a(0.2, p4 * 3) + vco2:a(0.15, p4 * 1.5, 12)
  out (a1 + reson(noise(0.4, 0), p4 * 2, p4 / 3, 2) * expseg:k(1, 0.15, 0.02, p3, 0.02)) * held(0.02, 0.06)
endin

; 36 96 | 88 89 90 95
instr warm_pad
  a1 = vco2:a(0.3, p4 * 1.004, 0) + vco2:a(0.3, p4 * 0.996, 0) + vco2:a(0.3, p4 * 0.501, 2, 0.4)
  out moogladder(a1, linseg:k(600, 1.2, 2600, p3, 1200), 0.15) * held(0.25, 0.3)
endin

; 36 96 | 91 92 93 94
instr glass_pad
  amod oscili linseg:a(0.3, 1, 1.2, p3, 0.4), p4 * 2.01
  a1 = sin(phasor:a(p4) * 2 * $M_PI + amod) + 0.4 * oscili:a(1, p4 * 2.005) + 0.2 * oscili:a(1, p4 * 4.01)
  out a1 * held(0.3, 0.3)
endin

; 55 96 | 40 110
instr violin
  kvibrato oscili linseg:k(0, 0.4, p4 * 0.006, p3, p4 * 0.006), 5.8
  a1 wgbow 0.5, p4 / (1 + p4 / sr) + kvibrato, 3, 0.127, 0, 0, gisine, 20
  out (a1 + reson(a1, 450, 120, 1) * 0.5 + reson(a1, 2500, 600, 1) * 0.3) * held(0.06, 0.08)
endin

; 36 84 | 41 42
instr cello
  kvibrato oscili linseg:k(0, 0.5, p4 * 0.005, p3, p4 * 0.005), 5.1
  a1 wgbow 0.5, p4 / (1 + p4 / sr) + kvibrato, 3.5, 0.14, 0, 0, gisine, 20
  out (a1 + reson(a1, 220, 80, 1) * 0.5 + reson(a1, 1500, 500, 1) * 0.2) * held(0.08, 0.1)
endin

; 28 98 | 48 49 44
instr section
  a1 = vco2:a(0.2, p4 * (1 + oscili:k(0.004, 5.3)), 0) + vco2:a(0.2, p4 * (1.003 + oscili:k(0.003, 6.1)), 0)
  a2 = vco2:a(0.2, p4 * (0.997 + oscili:k(0.004, 4.7)), 0) + vco2:a(0.2, p4 * (1.001 + oscili:k(0.003, 5.7)), 0)
  a1 butterlp a1 + a2, 3500
  out (a1 + reson(a1, 500, 150, 1) * 0.5 + reson(noise(0.02, 0), 3000, 1500, 1)) * held(0.18, 0.25)
endin

; 28 98 | 50 51
instr synth_strings
  a1 = vco2:a(0.3, p4 * 1.005, 0) + vco2:a(0.3, p4 * 0.995, 0) + vco2:a(0.3, p4 * 2.003, 0)
  a1 butterhp a1, 250
  kturn oscili 0.003, 0.7
  out flanger(a1, a(0.008 + kturn), 0) * held(0.12, 0.25)
endin

; 36 98 | 45
instr pizzicato
  a1 pluck 0.8, p4, p4, 0, 1
  a1 butterlp a1, 2200
  out (a1 + reson(a1, 300, 100, 1) * 0.5) * expseg:a(1, 0.4, 0.01, p3, 0.001)
endin

; 24 103 | 46 107
instr harp
  a1 pluck 0.8, p4, p4, 0, 1
  a1 tone a1, 1500
  out butterlp(a1, 4000) + reson(a1, 160, 60, 1) * 0.3
endin

; 48 88 | 56 59 61
instr trumpet
  kswell linseg 0, 0.05, 1, 0.1, 0.75, p3, 0.7
  amod oscili kswell * 5, p4
  kvibrato oscili linseg:k(0, 0.6, 0.004, p3, 0.004), 5.5
  out butterhp(sin(phasor:a(p4 * (1 + kvibrato)) * 2 * $M_PI + amod), 150) * held(0.03, 0.06)
endin

; 28 76 | 57 58 60 61
instr trombone
  kswell linseg 0, 0.08, 1, 0.15, 0.7, p3, 0.6
  amod oscili kswell * 3.2, p4
  out butterlp(sin(phasor:a(p4) * 2 * $M_PI + amod), 3500) * held(0.06, 0.08)
endin

; 36 90 | 62 63
instr synth_brass
  a1 = vco2:a(0.4, p4 * 1.004, 0) + vco2:a(0.4, p4 * 0.996, 0)
  out moogladder(a1, linseg:k(500, 0.08, 5000, 0.4, 2800, p3, 2500), 0.2) * held(0.02, 0.08)
endin

; 59 98 | 72 73 75 77
instr flute
  kvibrato oscili linseg:k(0, 0.4, 0.2, p3, 0.2), 5.2
  a1 = oscili:a(0.7, p4) + oscili:a(0.25 + 0.1 * kvibrato, p4 * 2) + oscili:a(0.06, p4 * 3)
  out (a1 * (1 + 0.3 * kvibrato) + reson(noise(0.12, 0), p4 * 2, 900, 2)) * held(0.05, 0.06)
endin

; 59 100 | 74 76 78 79
instr whistle
  a1 = oscili:a(0.8, p4 * (1 + oscili:k(0.003, 5.6))) + oscili:a(0.08, p4 * 3)
  out (a1 + reson(noise(0.3, 0), p4, p4 / 8, 2) * expseg:k(1, 0.08, 0.15, p3, 0.12)) * held(0.03, 0.04)
endin

; 48 92 | 71
instr clarinet
  a1 vco2 0.5, p4 * (1 + oscili:k(0.0015, 4.8)), 2, 0.5
  out (butterlp(a1, p4 * 5 + 600) + butterhp(noise(0.004, 0), 2000)) * held(0.04, 0.05)
endin

; 34 88 | 68 69 70 111 109
instr double_reed
  a1 vco2 0.5, p4 * (1 + oscili:k(0.003, 5.4)), 2, 0.12
  out butterlp(a1 + reson(a1, 1100, 200, 1) * 0.8 + reson(a1, 2700, 400, 1) * 0.3, 6000) * held(0.04, 0.05)
endin

; 36 88 | 64 65 66 67
instr saxophone
  a1 vco2 0.5, p4 * (1 + oscili:k(linseg:k(0, 0.3, 0.006, p3, 0.006), 5)), 0
  a1 = tanh(a1 * 2) + reson(a1, 650, 200, 1) * 0.6 + reson(a1, 1500, 350, 1) * 0.4
  out (butterlp(a1, 4500) + reson(noise(0.05, 0), 2500, 1500, 1)) * held(0.05, 0.06)
endin

; 41 93 | 21 22 23
instr free_reeds
  a1 reed p4 * (1 + oscili:k(0.001, 6)), 0.004, 0.2
  out butterlp(a1 + reson(a1, 1300, 400, 1) * 0.4, 6500) * held(0.04, 0.05)
endin

; 53 103 | 11
instr vibraphone
  a1 = struck(p4, 1, 5, 0) + struck(p4 * 4, 0.3, 1.5, 0.3) + struck(p4 * 10, 0.1, 0.3, 0.1)
  out a1 * (1 + oscili:a(0.3, 5.5))
endin

; 41 96 | 12 108
instr marimba
  out struck(p4, 1, 1.2, 0) + struck(p4 * 3.93, 0.35, 0.35, 0.2) + struck(p4 * 9.2, 0.2, 0.1, 0.4)
endin

; 53 108 | 13
instr xylophone
  out struck(p4, 0.9, 0.6, 0) + struck(p4 * 3, 0.6, 0.4, 0.2) + struck(p4 * 6.1, 0.4, 0.15, 0.4)
endin

; 53 108 | 8 9 10 112
instr bars
  out struck(p4, 1, 3, 0) + struck(p4 * 2.76, 0.4, 1.4, 0.2) + struck(p4 * 5.4, 0.25, 0.6, 0.4) + struck(p4 * 8.93, 0.1, 0.3, 0)
endin

; 48 89 | 14
instr tubes
  a1 = struck(p4 * 0.5, 0.3, 5, 0) + struck(p4, 1, 6, 0.2) + struck(p4 * 1.51, 0.7, 4, 0.1) + struck(p4 * 2.02, 0.6, 3.5, 0.4)
  out a1 + struck(p4 * 2.74, 0.5, 2.5, 0) + struck(p4 * 3.76, 0.3, 1.6, 0.3) + struck(p4 * 4.8, 0.2, 1, 0)
endin

; 40 96 | 15
instr dulcimer
  a1 pluck 0.5, p4, p4, 0, 1
  a2 pluck 0.5, p4 * 1.003, p4 * 1.003, 0, 1
  out butterhp(a1 + a2, 250)
endin

; 48 90 | 113 114
instr pans
  amod oscili expon:a(1.8, 0.4, 0.1), p4 * 2.005
  out sin(phasor:a(p4) * 2 * $M_PI + amod) * expon:a(1, 1.2, 0.001) + struck(p4 * 2.99, 0.3, 0.5, 0)
endin
