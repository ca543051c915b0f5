/** The hotels near Lisbon that the demo's world has: which is the best, and gone in early October 2027, is what its story turns on. */

/** Prices in whole euros a night, noise from 1 (silent) to 10, the way to the beach in metres. `taken` nights: from the first to the last. */
export type Hotel = {
  id: string;
  name: string;
  town: string;
  near: string;
  pricePerNight: number;
  noise: number;
  beachMetres: number;
  rooms: number;
  taken: { from: string; to: string; why: string }[];
};

const hotel = (
  id: string,
  name: string,
  town: string,
  [pricePerNight, noise, beachMetres]: [number, number, number],
  taken: Hotel['taken'] = [],
): Hotel => ({ id, name, town, near: 'Lisbon', pricePerNight, noise, beachMetres, rooms: 20, taken });

/** A search finds hotels by place and price; whether there is a room is only known when it is checked. */
export const hotels = (): Hotel[] => [
  hotel(
    'casa-do-mar',
    'Casa do Mar',
    'Cascais',
    [165, 1, 80],
    [{ from: '2027-09-25', to: '2027-10-10', why: 'the last room was sold an hour ago' }],
  ),
  hotel('quinta-das-gaivotas', 'Quinta das Gaivotas', 'Costa da Caparica', [140, 2, 150]),
  hotel('vila-azul', 'Vila Azul', 'Ericeira', [120, 2, 300], [{ from: '2027-10-03', to: '2027-10-04', why: 'there is a wedding' }]),
  hotel('farol', 'Farol Guest House', 'Cascais', [110, 3, 200]),
  hotel('estoril-sands', 'Estoril Sands', 'Estoril', [175, 5, 120]),
  hotel('praia-grande', 'Praia Grande Lodge', 'Sintra', [240, 1, 100]),
  hotel('tejo', 'Hotel Tejo', 'Lisbon', [130, 7, 9_000]),
  hotel('alfama-nove', 'Alfama Nove', 'Lisbon', [95, 8, 11_000]),
];
