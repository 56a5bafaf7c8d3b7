export interface RefConvAnchor {
  sizes: [inputs: number, outputs: number, groups: number, kernel: number];
  /** Of the output alone. Default: 1. */
  stride?: number;
  first: number[];
  l2: number;
  sum: number;
  outL2: number;
  outSum: number;
}

/** Computed by the official class in float64; W_t and the output for a generated image of 9×9. */
export const REFCONV_ANCHORS: Record<string, RefConvAnchor> = {
  'dense 4->6 k3': {
    sizes: [4, 6, 1, 3],
    first: [2.513480577e-1, -3.777610688e-2, 2.290527197e-1],
    l2: 5.688436194,
    sum: 9.255881831,
    outL2: 26.15529999,
    outSum: 37.741863,
  },
  'dw 8 k3': {
    sizes: [8, 8, 8, 3],
    first: [4.960191402e-2, 4.256462247e-1, -1.930267744e-1],
    l2: 5.527590788,
    sum: 2.990288242,
    outL2: 27.50496186,
    outSum: -20.57041175,
  },
  'dw 8 k5': {
    sizes: [8, 8, 8, 5],
    stride: 2,
    first: [7.79700862e-1, -1.271725494, 6.337841671e-1],
    l2: 6.87065177,
    sum: -2.354678712,
    outL2: 14.62177426,
    outSum: 23.53646571,
  },
  'grouped 8->16 g2 k3': {
    sizes: [8, 16, 2, 3],
    first: [3.796025905e-1, 1.265373549e-1, 1.657967544e-1],
    l2: 8.616403613,
    sum: 5.445673529,
    outL2: 40.92102709,
    outSum: -12.52193681,
  },
  'grouped 16->8 g4 k3': {
    sizes: [16, 8, 4, 3],
    first: [1.041579386e-1, 1.528686553e-1, 2.09179536e-2],
    l2: 6.090297949,
    sum: -1.135510539,
    outL2: 28.76619918,
    outSum: 3.748916196,
  },
  'dense 3->4 k7': {
    sizes: [3, 4, 1, 7],
    stride: 2,
    first: [1.721778539e-1, -1.173449625e-2, -1.065037985e-1],
    l2: 4.697738858,
    sum: 6.252771733,
    outL2: 10.01716292,
    outSum: 9.954820658,
  },
  'dw 8 k7': {
    sizes: [8, 8, 8, 7],
    first: [2.428119171e-1, 2.527170428e-2, 1.856733774e-1],
    l2: 6.388568611,
    sum: 4.624442413,
    outL2: 24.8443607,
    outSum: -23.86045573,
  },
};
