// @ts-check
/** As much of onnxruntime-web as livefer uses: types only. */

/**
 * @typedef {{data: Float32Array, dims: number[]}} Tensor
 * @typedef {{run(inputs: Record<string, any>, outputs?: string[]): Promise<Record<string, Tensor>>}} Session
 * @typedef {{Tensor: new (type: string, data: Uint8Array, dims: number[]) => any,
 *   InferenceSession: {create(model: Uint8Array, options?: object): Promise<Session>}}} Ort
 */

export {};
