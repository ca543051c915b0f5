/** The hotels that the demo's world has, near Lisbon and near Porto. That the best one near Lisbon is gone in early October 2027 is what its story turns on. */

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

type Described = [
  id: string,
  name: string,
  town: string,
  [pricePerNight: number, noise: number, beachMetres: number],
  taken?: Hotel['taken'],
];

const hotelsNear = (near: string, described: readonly Described[]): Hotel[] =>
  described.map(([id, name, town, [pricePerNight, noise, beachMetres], taken = []]) => {
    return { id, name, town, near, pricePerNight, noise, beachMetres, rooms: 20, taken };
  });

/** A search finds hotels by place and price; whether there is a room is only known when it is checked. */
export const hotels = (): Hotel[] => [
  ...hotelsNear('Lisbon', [
    [
      'casa-do-mar',
      'Casa do Mar',
      'Cascais',
      [165, 1, 80],
      [{ from: '2027-09-25', to: '2027-10-10', why: 'the last room was sold an hour ago' }],
    ],
    ['quinta-das-gaivotas', 'Quinta das Gaivotas', 'Costa da Caparica', [140, 2, 150]],
    ['vila-azul', 'Vila Azul', 'Ericeira', [120, 2, 300], [{ from: '2027-10-03', to: '2027-10-04', why: 'there is a wedding' }]],
    ['farol', 'Farol Guest House', 'Cascais', [110, 3, 200]],
    ['estoril-sands', 'Estoril Sands', 'Estoril', [175, 5, 120]],
    ['praia-grande', 'Praia Grande Lodge', 'Sintra', [240, 1, 100]],
    ['tejo', 'Hotel Tejo', 'Lisbon', [130, 7, 9_000]],
    ['alfama-nove', 'Alfama Nove', 'Lisbon', [95, 8, 11_000]],
  ]),
  ...hotelsNear('Porto', [
    ['foz-velha', 'Foz Velha', 'Foz do Douro', [115, 3, 250]],
    ['granja', 'Pensão da Granja', 'São Félix da Marinha', [90, 2, 120]],
    ['matosinhos-mar', 'Matosinhos Mar', 'Matosinhos', [135, 2, 60]],
    ['ribeira-onze', 'Ribeira Onze', 'Porto', [85, 8, 5_000]],
  ]),
];
